import DefaultTheme from "vitepress/theme";
import type { Theme } from "vitepress";
import HeadMap from "./head-map.vue";
import "./style.css";

export default {
  extends: DefaultTheme,
  enhanceApp: ({ app }) => {
    app.component("HeadMap", HeadMap);
  },
} satisfies Theme;
