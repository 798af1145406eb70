// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Session
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _state = 3;
    [GuardedBy("_mu")] int _copy;

    public Session()
    {
        _state = 1;
        _copy = _state + 1;
        Prepare();
    }

    [MustHold("_mu")]
    void Prepare() => _state++;

    ~Session()
    {
        _state = 0;
    }

    public int Value
    {
        get => 0;
        init
        {
            _state = value;
            Prepare();
        }
    }
}
