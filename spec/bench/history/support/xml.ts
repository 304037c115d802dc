/** A small parser that holds SVG to the rules of XML; it knows elements, attributes and the five entities. */

export interface Element {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: (Element | string)[];
}

const NAME = '[A-Za-z][\\w:-]*';
const VALUE = '"(?:[^"&<]|&(?:amp|lt|gt|quot|#39);)*"';
const TOKEN = new RegExp(
  `<(${NAME})((?:\\s+${NAME}=${VALUE})*)\\s*(/?)>|</(${NAME})>|((?:[^<&>]|&(?:amp|lt|gt|quot|#39);)+)`,
  'y',
);
const ATTRIBUTE = new RegExp(`(${NAME})=(${VALUE})`, 'g');

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

const decode = (text: string) => text.replace(/&([^;]+);/g, (_, name: string) => ENTITIES[name] ?? '');

/**
 * Returns the root.
 *
 * @throws Error where the text is not well-formed
 */
export function parseXml(text: string): Element {
  const document: Element = { name: '', attributes: new Map(), children: [] };
  const open: Element[] = [document];
  for (let index = 0; index < text.length; index = TOKEN.lastIndex) {
    TOKEN.lastIndex = index;
    const match = TOKEN.exec(text);
    const parent = open.at(-1);
    if (match === null || parent === undefined) {
      throw new Error(`not well-formed: ${text.slice(index, index + 80)}`);
    }
    const [, name, given = '', isEmpty, end, content] = match;
    if (name !== undefined) {
      const element: Element = { name, attributes: attributesOf(given), children: [] };
      parent.children.push(element);
      if (isEmpty === '') {
        open.push(element);
      }
    } else if (end !== undefined) {
      if (open.pop()?.name !== end) {
        throw new Error(`</${end}> ends another element`);
      }
    } else if (content !== undefined) {
      parent.children.push(decode(content));
    }
  }
  const [root, ...rest] = document.children.filter((child) => typeof child !== 'string' || child.trim() !== '');
  if (open.length !== 1 || root === undefined || typeof root === 'string' || rest.length > 0) {
    throw new Error('not one root that ends');
  }
  return root;
}

function attributesOf(text: string): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  for (const [, name = '', value = ''] of text.matchAll(ATTRIBUTE)) {
    if (attributes.has(name)) {
      throw new Error(`${name} is there twice`);
    }
    attributes.set(name, decode(value.slice(1, -1)));
  }
  return attributes;
}

/** Returns all elements of a name, in their order. */
export function elementsOf(root: Element, name: string): Element[] {
  const below = root.children.flatMap((child) => (typeof child === 'string' ? [] : elementsOf(child, name)));
  return root.name === name ? [root, ...below] : below;
}

/** Returns the text of an element, without that of elements in it. */
export function textOf({ children }: Element): string {
  return children.filter((child) => typeof child === 'string').join('');
}
