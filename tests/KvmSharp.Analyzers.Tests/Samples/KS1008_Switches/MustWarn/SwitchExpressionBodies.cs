// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    [Acquires("_mu")]
    int A(int x) => x switch { 0 => 1, _ => 2 }; // KS1008

    [MustHold("_mu")]
    int B(int x) => x switch { 0 => 1, _ => 2 };

    [Acquires("_mu")]
    void C(int x)
    {
        switch (x)
        {
            case 0:
                _mu.Lock();
                return;
            case 1:
                return; // KS1008
        }

        _mu.Lock();
    }
}
