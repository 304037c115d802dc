/**
 * The source of lib/, as the specs of the documentation see it: its files, what each declares, and how long that is.
 *
 * The parser is that of Vite. TypeScript 7 has one under `typescript/unstable` alone, in a process of its own.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ESTree, parseSync, Visitor } from 'vite';
import { ROOT } from './markdown.ts';

/** Something that has a length: a file, a class or a function. */
export interface Unit {
  readonly kind: 'file' | 'class' | 'function';
  /** The path of a file, the name of a class; of a function its name, and that of its class. */
  readonly name: string;
  /** Lines from the first character to the last, comments and blank lines included. */
  readonly lines: number;
}

/** One file of lib/. */
export interface Source {
  /** As in `lib/session/session.ts`. */
  readonly path: string;
  readonly text: string;
  /** The comment at the top of the file. */
  readonly header: string;
  /** The file itself, and all classes and functions in it. */
  readonly units: readonly Unit[];
  /** The members of all that is declared at the top level, by name; no members for what is no class and no interface. */
  readonly topLevel: ReadonlyMap<string, ReadonlySet<string>>;
  /** The names of all functions, methods and other members in the file, nested ones and those of object literals, too. */
  readonly names: ReadonlySet<string>;
  /** The base of each class in the file. */
  readonly bases: ReadonlyMap<string, string>;
  /** Where the file uses what platforms do not offer: private members, and methods of foreign objects that it replaces. */
  readonly bypasses: readonly string[];
}

/** Paths of all folders and files of lib/, as in `lib/session` and `lib/session/session.ts`. */
export function libEntries(): string[] {
  return readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' }).map((path) => `lib/${path}`);
}

/** All files of lib/. */
export function libSources(): Source[] {
  return libEntries()
    .filter((path) => path.endsWith('.ts'))
    .map((path) => readSource(path, readFileSync(join(ROOT, path), 'utf8')));
}

type Named = ESTree.Expression | ESTree.PrivateIdentifier | ESTree.BindingPattern | ESTree.TSModuleDeclaration['id'];

/** Reads a file. Exported for the specs of this file. */
export function readSource(path: string, text: string): Source {
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) {
    throw new Error(`${path}: ${errors[0]?.message}`);
  }
  const topLevel = new Map<string, ReadonlySet<string>>();
  for (const statement of program.body) {
    const declaration = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement;
    for (const [name, members] of declared(declaration)) {
      topLevel.set(name, members);
    }
  }
  return {
    path,
    text,
    header: /^\/\*\*.*?\*\//s.exec(text)?.[0] ?? '',
    topLevel,
    ...visit(path, text, program),
  };
}

/** The names that a statement declares, with their members. */
function declared(statement: ESTree.Directive | ESTree.Statement | ESTree.Declaration | null): [string, Set<string>][] {
  switch (statement?.type) {
    case 'ClassDeclaration':
    case 'TSInterfaceDeclaration':
      return [[nameOf(statement.id), new Set(statement.body.body.map((member) => memberName(member)))]];
    case 'FunctionDeclaration':
    case 'TSDeclareFunction':
    case 'TSTypeAliasDeclaration':
      return [[nameOf(statement.id), new Set()]];
    case 'VariableDeclaration':
      return statement.declarations
        .map(({ id }) => nameOf(id))
        .filter((name) => name !== '')
        .map((name) => [name, new Set()]);
    default:
      return [];
  }
}

function memberName(member: ESTree.ClassElement | ESTree.TSSignature): string {
  return 'key' in member ? nameOf(member.key) : '';
}

function nameOf(node: Named | null | undefined): string {
  return node?.type === 'Identifier' || node?.type === 'PrivateIdentifier' ? node.name : '';
}

/** What is found anywhere in a file. */
function visit(
  path: string,
  text: string,
  program: ESTree.Program,
): Pick<Source, 'units' | 'names' | 'bases' | 'bypasses'> {
  const lines = ({ start, end }: ESTree.Span) => text.slice(start, end).trimEnd().split('\n').length;
  const units: Unit[] = [{ kind: 'file', name: path, lines: text.trimEnd().split('\n').length }];
  const names = new Set<string>();
  const bases = new Map<string, string>();
  const bypasses: string[] = [];
  /** Names that the nodes around functions give them. */
  const given = new Map<ESTree.Node, string>();
  const classes: string[] = [];

  const name = (value: ESTree.Node | null | undefined, key: Named | null) => {
    const found = nameOf(key);
    names.add(found);
    if (value) {
      given.set(value, [...classes.slice(-1), found].join('.'));
    }
  };
  const enterFunction = (node: ESTree.Function | ESTree.ArrowFunctionExpression) => {
    const own = node.type === 'ArrowFunctionExpression' ? '' : nameOf(node.id);
    names.add(own);
    units.push({ kind: 'function', name: given.get(node) ?? own, lines: lines(node) });
  };
  const enterClass = (node: ESTree.Class) => {
    classes.push(nameOf(node.id));
    units.push({ kind: 'class', name: nameOf(node.id), lines: lines(node) });
    bases.set(nameOf(node.id), nameOf(node.superClass));
  };
  const leaveClass = () => classes.pop();

  new Visitor({
    FunctionDeclaration: enterFunction,
    FunctionExpression: enterFunction,
    ArrowFunctionExpression: enterFunction,
    ClassDeclaration: enterClass,
    ClassExpression: enterClass,
    'ClassDeclaration:exit': leaveClass,
    'ClassExpression:exit': leaveClass,
    MethodDefinition: ({ value, key }) => name(value, key),
    PropertyDefinition: ({ value, key }) => name(value, key),
    Property: ({ value, key, shorthand }) => !shorthand && name(value, key),
    VariableDeclarator: ({ init, id }) => init?.type.endsWith('FunctionExpression') && name(init, id),
    TSMethodSignature: ({ key }) => name(undefined, key),
    TSPropertySignature: ({ key }) => name(undefined, key),
    MemberExpression: ({ property, object }) => {
      const member = nameOf(property);
      if (member.startsWith('_') || (member === 'toString' && text.slice(object.start, object.end) === PRINT)) {
        bypasses.push(member);
      }
    },
    ObjectPattern: ({ properties }) => {
      for (const property of properties) {
        const key = property.type === 'Property' ? nameOf(property.key) : '';
        if (key.startsWith('_')) {
          bypasses.push(key);
        }
      }
    },
    CallExpression: ({ callee }) => {
      if (callee.type === 'MemberExpression' && callee.object.type !== 'Super' && CALLS.has(nameOf(callee.property))) {
        bypasses.push(nameOf(callee.property));
      }
    },
    AssignmentExpression: ({ left }) => {
      if (
        left.type === 'MemberExpression' &&
        left.object.type !== 'ThisExpression' &&
        METHODS.has(nameOf(left.property))
      ) {
        bypasses.push(nameOf(left.property));
      }
    },
  }).visit(program);
  return { units, names, bases, bypasses };
}

/** What gives the source text of a function, when its `toString` is called. */
const PRINT = 'Function.prototype';

/** Methods of Node that it does not document, or that put a listener before those of others. */
const CALLS = new Set(['assignSocket', 'detachSocket', 'prependListener', 'prependOnceListener']);

/** Members of Node, Express and ws that are not meant to be assigned. */
const METHODS = new Set([
  ...['emit', 'on', 'listeners', 'handle', 'next', 'res', 'req', 'shouldUpgradeCallback', 'readableFlowing'],
  ...['write', 'writeHead', 'end', 'setHeader', 'send', 'ping', 'close', 'terminate', 'pause', 'resume', 'destroy'],
]);
