// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

abstract class Entity
{
    public readonly KMutex Mu = new();

    [MustHold("Mu")]
    public void Touch()
    {
    }
}

class Repository<T>
    where T : Entity
{
    readonly List<T> _all = new();

    void A(T entity)
    {
        entity.Touch(); // KS1003
        entity.Mu.Lock();
        entity.Touch();
        entity.Mu.Unlock();
    }

    void B()
    {
        foreach (T entity in _all)
        {
            entity.Mu.Lock();
            entity.Touch();
            entity.Mu.Unlock();
        }
    }

    static void C<TOther>(TOther other)
        where TOther : T
        => other.Touch(); // KS1003
}
