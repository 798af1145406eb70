// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

struct Plain
{
    public int X;
}

[ContextLock]
struct StructLock
{
    [Acquires("this")]
    public void Lock()
    {
    }
}

class Work
{
    int _int;
    Plain _plain;
    StructLock _struct;
    SpinLock _spin;
    string _text = "";

    [GuardedBy("_int")] int _a; // KS9001
    [GuardedBy("_plain")] int _b; // KS9001
    [GuardedBy("_struct")] int _c;
    [GuardedBy("_spin")] int _d;
    [GuardedBy("_text")] int _e;
}
