/** The folder of the history: one JSON file for each complete run. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { type RunRecord, recordSchema } from './record.ts';

/** A file that was read. */
export interface RecordFile {
  /** Name of the file, without the folder. */
  readonly file: string;
  readonly record: RunRecord;
}

/**
 * Writes a record to a file of its own, and returns the file's name.
 *
 * @throws Error if it could not be read again, as with a figure that is no number
 */
export function addRecord(folder: string, record: RunRecord): string {
  recordSchema.parse(record);
  mkdirSync(folder, { recursive: true });
  const stem = `${record.date.slice(0, 10)}-${record.version}`;
  for (let count = 1; ; count += 1) {
    const file = count === 1 ? `${stem}.json` : `${stem}-${count}.json`;
    try {
      // `wx` fails where the file exists.
      writeFileSync(join(folder, file), `${JSON.stringify(record, undefined, 2)}\n`, { flag: 'wx' });
      return file;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) {
        throw error;
      }
    }
  }
}

/**
 * Returns all records, the oldest first.
 *
 * @throws Error if a file is no record; its message names the file and what is wrong
 */
export function readRecords(folder: string): RecordFile[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return files
    .map((file) => ({ file, record: readRecord(join(folder, file)) }))
    .sort((a, b) => Date.parse(a.record.date) - Date.parse(b.record.date) || compare(a.file, b.file));
}

/** Compares code units, so that the order is that of no language. */
function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function readRecord(path: string): RunRecord {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new Error(`${path}: is not JSON`, { cause });
  }
  const { data, error } = recordSchema.safeParse(content);
  if (error !== undefined) {
    throw new Error(`${path}: is no record of a run\n${z.prettifyError(error)}`);
  }
  return data;
}
