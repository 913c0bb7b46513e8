/// <reference types="vite/client" />
declare module "*.css";
declare module "uplot/dist/uPlot.min.css";
/** Of the page (package.json). */
declare const __VERSION__: string;
