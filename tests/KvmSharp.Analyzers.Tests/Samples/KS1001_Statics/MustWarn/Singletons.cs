// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

sealed class Registry
{
    public static readonly Registry Instance = new();
    static readonly object StaticGate = new();
    readonly object _gate = new();
    [GuardedBy("_gate")] int _x;
    [GuardedBy("StaticGate")] int _y;
    [GuardedBy("StaticGate")] static int _z;

    static void A()
    {
        lock (Instance._gate)
        {
            Instance._x++;
            Instance._y++; // KS1002
        }

        lock (StaticGate)
        {
            Instance._y++;
            _z++;
            UseInt(Instance._x); // KS1001
        }
    }

    void B(Registry other)
    {
        lock (StaticGate)
        {
            _y++;
            other._y++;
            Registry._z++;
        }
    }
}
