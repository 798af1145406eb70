// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A()
    {
        Begin();
        _mu.Unlock();

        [Acquires("_mu")]
        void Begin()
        {
            UseInt(1);
        } // KS1008
    }

    void B()
    {
        Needs(); // KS1003

        [MustHold("_mu")]
        void Needs()
        {
            _mu.Unlock();
        } // KS1008
    }
}
