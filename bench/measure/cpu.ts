/** CPU per unit of work. Each server has a load process of its own; all stay alive, and take turns round by round. */
import { setTimeout as pause } from 'node:timers/promises';
import type { LoadOptions } from '../load/protocol.ts';
import type { ServerSettings } from '../servers/server-settings.ts';
import type { LoadProcess } from './load.ts';
import type { Participant } from './participant.ts';
import type { Run } from './run.ts';
import type { ServerProcess } from './server.ts';
import { type Spread, spreadOf } from './statistics.ts';

/** A server under a load. */
export interface Contender {
  /** Unique among the contenders that are measured together. */
  readonly name: string;
  readonly participant: Participant;
  readonly load: LoadOptions;
  /** How the server runs, where that is not as usual. */
  readonly settings?: ServerSettings;
}

export interface CpuResult {
  /** µs of CPU per unit. */
  readonly cpu: Spread;
  /** Units per second of wall time. */
  readonly throughput: Spread;
}

interface Round {
  readonly units: number;
  readonly cpu: number;
  readonly seconds: number;
}

/**
 * Measures all contenders, interleaved. Contenders that differ only in their checkout swap places every other round, so
 * being first, or a machine that slows down, favours neither.
 *
 * @returns the results by name of contender
 */
export async function measureCpu(
  run: Run,
  contenders: readonly Contender[],
  rounds = run.options.rounds,
): Promise<Map<string, CpuResult>> {
  const running: RunningContender[] = [];
  try {
    for (const contender of contenders) {
      const server = await run.startServer(contender.participant, contender.settings);
      const load = run.startLoad(server);
      running.push(new RunningContender(contender, server, load));
      await load.open(contender.load);
    }
    for (const one of running) {
      await one.warmUp(run.options.warmUp, run.options.roundCpu);
    }
    for (let round = 0; round < rounds; round += 1) {
      for (const one of orderOfRound(running, run.options.checkouts.length, round)) {
        await one.measure();
      }
    }
    for (const { load } of running) {
      await load.close();
    }
  } finally {
    await Promise.all(running.flatMap(({ server, load }) => [load.end(), server.end()]));
  }
  return new Map(running.map((one) => [one.contender.name, one.result()]));
}

/** Returns the order of a round: odd rounds reverse each group of `group` neighbours. */
function orderOfRound<T>(all: readonly T[], group: number, round: number): readonly T[] {
  return round % 2 === 0 ? all : all.flatMap((_, i) => (i % group === 0 ? all.slice(i, i + group).toReversed() : []));
}

class RunningContender {
  readonly contender: Contender;
  readonly server: ServerProcess;
  readonly load: LoadProcess;
  readonly #rounds: Round[] = [];
  #units = 0;

  constructor(contender: Contender, server: ServerProcess, load: LoadProcess) {
    this.contender = contender;
    this.server = server;
    this.load = load;
  }

  /** Works unmeasured for `seconds` of server CPU in growing rounds, and finds how many units make a round. */
  async warmUp(seconds: number, roundCpu: number): Promise<void> {
    let left = seconds;
    let units = 200;
    while (left > 0) {
      const round = await this.#round(units);
      left -= round.cpu / 1e6;
      const perUnit = round.cpu / round.units;
      this.#units = Math.max(1, Math.round(roundCpu / perUnit));
      units = Math.min(units * 4, this.#units);
    }
  }

  async measure(): Promise<void> {
    this.#rounds.push(await this.#round(this.#units));
  }

  result(): CpuResult {
    return {
      cpu: spreadOf(this.#rounds.map(({ cpu, units }) => cpu / units)),
      throughput: spreadOf(this.#rounds.map(({ seconds, units }) => units / seconds)),
    };
  }

  async #round(asked: number): Promise<Round> {
    const before = await this.server.cpu();
    const { units, seconds } = await this.load.round(asked);
    const cpu = (await this.server.cpu()) - before;
    const { load } = this.contender;
    if ('rest' in load) {
      await pause(load.rest);
    }
    return { units, seconds, cpu };
  }
}
