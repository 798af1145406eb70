// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.
// broken
using Missing.Namespace;

[ContextLock]
class Lock1 : MissingBase, IMissing
{
    [Acquires("this")]
    public void Take(Missing<int> m) => m.Do();

    [MustHold(null)]
    void N()
    {
    }

    [MustHold(1, 2)]
    void O()
    {
    }
}

class Work : Work
{
    [RefCounted]
    struct S : S
    {
    }

    int M() => await foo switch { };
}
