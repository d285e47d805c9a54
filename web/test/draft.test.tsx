import { act, renderHook } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";
import { basePath } from "../src/app/base";
import { forgetDrafts, useDraft } from "../src/pages/configuration/useDraft";

const file = (key: string) => ({ namespace: "shop", application: "catalog", configmap: "catalog", key });

beforeEach(() => sessionStorage.clear());

describe("a draft", () => {
  it("comes back after the page was left", () => {
    const first = renderHook(() => useDraft("ann", file("a.toml")));
    act(() => first.result.current[1]({ content: "x = 1", base: "r1" }));
    first.unmount();
    const second = renderHook(() => useDraft("ann", file("a.toml")));
    expect(second.result.current[0]).toEqual({ content: "x = 1", base: "r1" });
  });

  it("belongs to one file", () => {
    const hook = renderHook(({ key }) => useDraft("ann", file(key)), { initialProps: { key: "a.toml" } });
    act(() => hook.result.current[1]({ content: "mine", base: null }));
    hook.rerender({ key: "b.toml" });
    expect(hook.result.current[0]).toBeNull();
    hook.rerender({ key: "a.toml" });
    expect(hook.result.current[0]?.content).toBe("mine");
  });

  it("is gone once it is saved or discarded", () => {
    const hook = renderHook(() => useDraft("ann", file("a.toml")));
    act(() => hook.result.current[1]({ content: "mine", base: null }));
    act(() => hook.result.current[1](null));
    expect(sessionStorage.length).toBe(0);
    expect(hook.result.current[0]).toBeNull();
  });

  it("ends when it became a revision", () => {
    const hook = renderHook(() => useDraft("ann", file("a.toml")));
    act(() => hook.result.current[1]({ content: "sent", base: "r1" }));
    act(() => hook.result.current[2]("sent", "r2"));
    expect(hook.result.current[0]).toBeNull();
    expect(sessionStorage.length).toBe(0);
  });

  it("keeps what was typed while it was being saved, on top of the new revision", () => {
    const hook = renderHook(() => useDraft("ann", file("a.toml")));
    act(() => hook.result.current[1]({ content: "sent", base: "r1" }));
    // The dialog that saves still holds what it got when it opened.
    const ended = hook.result.current[2];
    act(() => hook.result.current[1]({ content: "sent, and more", base: "r1" }));
    act(() => ended("sent", "r2"));
    expect(hook.result.current[0]).toEqual({ content: "sent, and more", base: "r2" });
  });

  it("belongs to one account", () => {
    const hook = renderHook(({ account }) => useDraft(account, file("a.toml")), { initialProps: { account: "ann" } });
    act(() => hook.result.current[1]({ content: "mine", base: null }));
    hook.rerender({ account: "bob" });
    expect(hook.result.current[0]).toBeNull();
    hook.rerender({ account: "ann" });
    expect(hook.result.current[0]?.content).toBe("mine");
  });

  it("is kept under the console's base path, and forgotten at sign-out with nothing else", () => {
    const drafts = ["a.toml", "b.toml"].map((key) => renderHook(() => useDraft("ann", file(key))));
    for (const draft of drafts) act(() => draft.result.current[1]({ content: "mine", base: null }));
    for (const key of Object.keys(sessionStorage)) expect(key).toContain(`:${encodeURIComponent(basePath)}/ann/`);
    const others = `inkstone.draft:${encodeURIComponent("/elsewhere/")}/ann/shop/catalog/catalog/a.toml`;
    sessionStorage.setItem(others, "{}");
    forgetDrafts();
    expect(Object.keys(sessionStorage)).toEqual([others]);
  });

  it("survives broken storage", () => {
    const written = renderHook(() => useDraft("ann", file("a.toml")));
    act(() => written.result.current[1]({ content: "x", base: null }));
    written.unmount();
    for (const key of Object.keys(sessionStorage)) sessionStorage.setItem(key, "{not json");
    expect(renderHook(() => useDraft("ann", file("a.toml"))).result.current[0]).toBeNull();
  });
});
