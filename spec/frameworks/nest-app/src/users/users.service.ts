import { Injectable } from '@nestjs/common';

export interface User {
  readonly name: string;
}

@Injectable()
export class UsersService {
  /** The user of a cookie; a guest where there is none. */
  of(cookie: string | undefined): User {
    return { name: /\buser=(\w+)/.exec(cookie ?? '')?.[1] ?? 'guest' };
  }
}
