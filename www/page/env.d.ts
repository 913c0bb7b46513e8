/// <reference types="vite/client" />
declare module "*.css";
/** The page's version, from package.json. */
declare const __VERSION__: string;
