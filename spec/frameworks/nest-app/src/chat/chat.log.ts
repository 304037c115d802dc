import { Injectable } from '@nestjs/common';

/** Who came and went, and what was refused. */
@Injectable()
export class ChatLog {
  readonly lines: string[] = [];

  add(line: string): void {
    this.lines.push(line);
  }
}
