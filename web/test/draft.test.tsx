import { act, renderHook } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";
import { useDraft } from "../src/pages/configuration/useDraft";

const file = (key: string) => ({ namespace: "shop", application: "catalog", configmap: "catalog", key });

beforeEach(() => sessionStorage.clear());

describe("a draft", () => {
  it("comes back after the page was left", () => {
    const first = renderHook(() => useDraft(file("a.toml")));
    act(() => first.result.current[1]({ content: "x = 1", base: "r1" }));
    first.unmount();
    const second = renderHook(() => useDraft(file("a.toml")));
    expect(second.result.current[0]).toEqual({ content: "x = 1", base: "r1" });
  });

  it("belongs to one file", () => {
    const hook = renderHook(({ key }) => useDraft(file(key)), { initialProps: { key: "a.toml" } });
    act(() => hook.result.current[1]({ content: "mine", base: null }));
    hook.rerender({ key: "b.toml" });
    expect(hook.result.current[0]).toBeNull();
    hook.rerender({ key: "a.toml" });
    expect(hook.result.current[0]?.content).toBe("mine");
  });

  it("is gone once it is saved or discarded", () => {
    const hook = renderHook(() => useDraft(file("a.toml")));
    act(() => hook.result.current[1]({ content: "mine", base: null }));
    act(() => hook.result.current[1](null));
    expect(sessionStorage.length).toBe(0);
    expect(hook.result.current[0]).toBeNull();
  });

  it("survives broken storage", () => {
    sessionStorage.setItem("inkstone.draft:shop/catalog/catalog/a.toml", "{not json");
    expect(renderHook(() => useDraft(file("a.toml"))).result.current[0]).toBeNull();
  });
});
