import { createServer } from "vite";
import { startMock } from "./server";
import { State } from "./state";

const mock = await startMock({ port: 7878, state: new State().withHistory() });
const vite = await createServer({ server: { port: 5173, proxy: { "/api": mock.url } } });
await vite.listen();
vite.printUrls();
console.log("  Sign in as admin, li.wei or marta with: correct horse battery");
