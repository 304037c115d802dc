/** What `npm run build` does behind the compiler: declarations import the `.js` files that the compiler has written. */
import { fileURLToPath } from 'node:url';
import { rewriteDeclarations } from './declarations.ts';

rewriteDeclarations(fileURLToPath(new URL('../dist', import.meta.url)));
