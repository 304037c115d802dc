/** Stands for `debug` in the bundle: npm sockjs prints nothing but by its option `log`. */
const disabled = Object.assign((_format: string, ..._values: unknown[]) => {}, { enabled: false });

export default function createDebug(_name: string): typeof disabled {
  return disabled;
}
