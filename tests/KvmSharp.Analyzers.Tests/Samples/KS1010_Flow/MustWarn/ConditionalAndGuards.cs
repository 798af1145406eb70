// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Mm
{
    [AcquiredBefore("_b")]
    readonly object _a = new();
    readonly object _b = new();

    [AcquiredAfter("_b")]
    readonly Lock _c = new();

    void A()
    {
        if (Monitor.TryEnter(_b))
        {
            lock (_a) // KS1010
            {
            }

            Monitor.Exit(_b);
        }

        lock (_a)
        {
        }
    }

    void B()
    {
        using (_c.EnterScope())
        {
            lock (_a) // KS1010
            {
            }
        }
    }

    void C()
    {
        bool got = Monitor.TryEnter(_b);
        lock (_a)
        {
        }

        if (got)
            Monitor.Exit(_b);
    }
}
