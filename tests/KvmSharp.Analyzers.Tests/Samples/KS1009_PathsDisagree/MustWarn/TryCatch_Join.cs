// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A()
    {
        try // KS1009
        {
            UseInt(1);
            _mu.Lock();
        }
        catch (Exception)
        {
            UseInt(2);
        }

        UseInt(3);
    }
}
