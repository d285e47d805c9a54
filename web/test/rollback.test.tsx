import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Application, FileDetail, Release } from "../src/api/types";
import { RollbackDialog } from "../src/pages/releases/RollbackDialog";

// The frame and the form have their own life; here it is what the dialog gives them.
vi.mock("../src/components/Dialog", () => ({ Dialog: ({ children }: { children: ReactNode }) => children }));
vi.mock("../src/pages/releases/ReleaseForm", () => ({
  ReleaseForm: (form: { live: string; moved: boolean; onSubmit: () => void; onLookAgain: () => void }) => (
    <>
      <p data-testid="live">{`live: ${form.live}`}</p>
      <p data-testid="moved">{String(form.moved)}</p>
      <button type="button" onClick={form.onSubmit}>
        submit
      </button>
      <button type="button" onClick={form.onLookAgain}>
        look again
      </button>
    </>
  ),
}));

const application = { namespace: "shop", name: "catalog", pods: [] } as unknown as Application;
const file = { configmap: "catalog", key: "a.toml", content_type: "toml" };
const release = { id: "l1", number: 1, revision: "r1" } as Release;

let live: FileDetail["live"];
let sent: unknown[];
let client: QueryClient;

beforeEach(() => {
  sent = [];
  client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    if (init.method === "POST") {
      const body = JSON.parse(String(init.body));
      sent.push(body);
      const refused = body.expected_live_hash !== (live?.hash ?? null);
      return refused ? Response.json({ code: "live_changed", title: "t" }, { status: 409 }) : Response.json(release);
    }
    if (url.includes("/revisions/")) return Response.json({ id: "r1", content: "then" });
    return Response.json({ live, revisions: [], releases: [] });
  });
});

afterEach(() => {
  cleanup();
  client.clear();
  vi.unstubAllGlobals();
});

const holding = (content: string) => ({ content, hash: `hash of ${content}`, resource_version: "1", release: null });

function open(onDone = vi.fn()) {
  render(
    <MantineProvider>
      <QueryClientProvider client={client}>
        <RollbackDialog application={application} file={file} release={release} onClose={vi.fn()} onDone={onDone} />
      </QueryClientProvider>
    </MantineProvider>,
  );
  return onDone;
}

it("a roll back of a key that is gone compares with nothing and goes ahead", async () => {
  live = null;
  const done = open();
  expect((await screen.findByTestId("live")).textContent).toBe("live: ");
  expect(screen.getByTestId("moved").textContent).toBe("false");
  fireEvent.click(screen.getByText("submit"));
  await waitFor(() => expect(done).toHaveBeenCalled());
  expect(sent).toMatchObject([{ expected_live_hash: null }]);
});

it("a roll back sends what was compared, and asks to compare again when that is no longer live", async () => {
  live = holding("one");
  const done = open();
  await screen.findByTestId("live");
  live = holding("two");
  fireEvent.click(screen.getByText("submit"));
  await waitFor(() => expect(screen.getByTestId("moved").textContent).toBe("true"));
  expect(screen.getByTestId("live").textContent).toBe("live: one");
  expect(sent).toMatchObject([{ expected_live_hash: "hash of one" }]);
  expect(done).not.toHaveBeenCalled();

  await waitFor(() => {
    fireEvent.click(screen.getByText("look again"));
    expect(screen.getByTestId("live").textContent).toBe("live: two");
  });
  fireEvent.click(screen.getByText("submit"));
  await waitFor(() => expect(done).toHaveBeenCalled());
  expect(sent[1]).toMatchObject({ expected_live_hash: "hash of two" });
});
