// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void M()
    {
        var f = [MustHold("_nope")] () => { }; // KS9001
        f();
        Local();

        [MustHold("_nope")] // KS9001
        void Local()
        {
        }
    }
}
