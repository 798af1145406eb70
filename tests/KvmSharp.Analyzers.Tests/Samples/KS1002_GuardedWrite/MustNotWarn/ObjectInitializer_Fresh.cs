// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Inner
{
    public readonly KMutex Mu = new();
    [GuardedBy("Mu")] public int Value;
    [GuardedBy("Mu")] public string Text { get; set; } = "";

    static Inner Make() => new Inner { Value = 1, Text = "a" };

    static Inner Twice()
    {
        Inner inner = new() { Value = 1 };
        inner.Text = "b";
        return inner;
    }
}
