import { useData } from 'vitepress';
import { defineComponent, h, onMounted, ref, useId, watch } from 'vue';

/** A diagram shrinks to fit by no more than this, or its text of 16 px could not be read. The frame scrolls the rest. */
const MIN_SCALE = 0.75;

/** How wide Mermaid drew a diagram, in px. */
const widthOf = (svg) => Number(/viewBox="\S+ \S+ (\S+) /.exec(svg)?.[1] ?? 0);

/** A diagram of Mermaid, drawn in the browser. Until then, and without scripts, its source stands there. */
export const Diagram = defineComponent({
  props: { code: { type: String, required: true } },
  setup(props) {
    const { isDark } = useData();
    const id = `diagram-${useId()}`;
    const svg = ref('');

    async function draw() {
      const [{ default: mermaid }] = await Promise.all([
        import('mermaid/dist/mermaid.esm.min.mjs'),
        document.fonts.ready,
      ]);
      const dark = isDark.value;
      mermaid.initialize({
        startOnLoad: false,
        theme: dark ? 'dark' : 'neutral',
        fontFamily: getComputedStyle(document.body).fontFamily,
      });
      // Mermaid takes an element with this id out of the page first, so the diagram in the other colours has another.
      const drawn = await mermaid.render(dark ? `${id}-dark` : id, props.code);
      // The reader may have switched meanwhile; the later call then draws.
      if (dark === isDark.value) {
        svg.value = drawn.svg;
      }
    }

    onMounted(draw);
    watch(isDark, draw);
    return () =>
      svg.value === ''
        ? h('pre', { class: 'diagram' }, props.code)
        : h('div', {
            class: 'diagram',
            tabindex: 0,
            style: { '--width': `${MIN_SCALE * widthOf(svg.value)}px` },
            innerHTML: svg.value,
          });
  },
});
