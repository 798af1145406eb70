// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    [Acquires("_mu")]
    MutexGuard Enter() => new MutexGuard(_mu);

    [Acquires("_mu")]
    MutexGuard EnterAndInit()
    {
        var guard = new MutexGuard(_mu);
        _x = 1;
        return guard;
    }

    void User()
    {
        using (Enter())
            _x++;
    }

    void UserDeclaration()
    {
        using MutexGuard guard = Enter();
        _x++;
    }
}
