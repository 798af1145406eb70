// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Session
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _state;
    static readonly object Gate = new();
    [GuardedBy("Gate")] static int _made;

    public Session(Session template)
    {
        _state = template._state; // KS1001
        UseInt(_made); // KS1001
        _state++;
    }
}
