import type { Theme } from "vitepress";
import DefaultTheme from "vitepress/theme";
import { h } from "vue";
import HeadMap from "./head-map.vue";
import "./style.css";

export default {
  extends: DefaultTheme,
  // The head map moves between the first sentence of the landing page and its features.
  Layout: () => h(DefaultTheme.Layout, null, { "home-features-before": () => h(HeadMap) }),
} satisfies Theme;
