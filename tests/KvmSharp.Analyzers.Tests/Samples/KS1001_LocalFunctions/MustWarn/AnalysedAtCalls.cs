// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly object _gate = new();
    [GuardedBy("_gate")] int _x;

    void Good()
    {
        lock (_gate)
            Touch();

        void Touch() => _x++;
    }

    void Bad()
    {
        lock (_gate)
            Look();
        Look();

        void Look() => UseInt(_x); // KS1001
    }

    void Converted()
    {
        lock (_gate)
            Use((Action)Look);

        void Look() => UseInt(_x); // KS1001
    }
}
