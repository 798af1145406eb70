// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

partial class Store
{
    readonly KMutex _mu = new();
    readonly KMutex _other = new();

    [GuardedBy("_mu")]
    int _value;

    [MustHold("_mu")]
    public partial int Get(int key);

    [MustHold("_mu")]
    partial void Both();

    [MustHold("_mu")]
    public partial int Size { get; }
}

partial class Store
{
    [MustHold("_other")]
    public partial int Get(int key) => _value + key;

    [MustHold("_other")]
    partial void Both()
    {
        _value++;
    }

    public partial int Size => _value;

    void Use()
    {
        _mu.Lock();
        Get(1); // KS1003
        _other.Lock();
        Get(2);
        Both();
        UseInt(Size);
        _other.Unlock();
        Both(); // KS1003
        _mu.Unlock();
        UseInt(Size); // KS1003
    }
}
