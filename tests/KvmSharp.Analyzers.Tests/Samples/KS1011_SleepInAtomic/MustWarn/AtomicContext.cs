// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Irq
{
    readonly KMutex _mu = new();

    [MightSleep]
    static void Wait()
    {
    }

    [AtomicContext]
    void Handler()
    {
        UseInt(1);
        Wait(); // KS1011
        Thread.Sleep(1); // KS1011
    }

    void M()
    {
        var handler = [AtomicContext] () => Wait(); // KS1011
        Use(handler);
        Local();

        [AtomicContext]
        void Local() => Wait(); // KS1011
    }
}
