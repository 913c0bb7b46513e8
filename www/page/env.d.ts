/// <reference types="vite/client" />
declare module "*.css";
declare module "uplot/dist/uPlot.min.css";
