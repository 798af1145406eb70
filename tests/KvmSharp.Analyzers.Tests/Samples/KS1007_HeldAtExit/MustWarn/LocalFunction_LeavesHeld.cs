// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A()
    {
        Take();

        void Take()
        {
            _mu.Lock();
        }
    } // KS1007

    void B()
    {
        Take();
        Give();

        void Take() => _mu.Lock();

        void Give() => _mu.Unlock();
    }

    void C()
    {
        Action take = () => _mu.Lock();
        take();
    } // KS1007
}
