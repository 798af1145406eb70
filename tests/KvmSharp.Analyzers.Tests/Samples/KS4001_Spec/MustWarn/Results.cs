// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Threading.Tasks;

[MustCheck]
struct Status
{
    public bool Ok;
}

class Api
{
    [MustCheck]
    public int M() => 0;

    [MustCheck]
    public Task<int> Async() => Task.FromResult(0);

    [MustCheck]
    public int P => 1;

    public Status S() => default;

    [return: MustCheck]
    public bool R() => true;
}

class Work
{
    readonly Api _api = new();

    void A()
    {
        _api.M(); // KS4001
        _ = _api.M();
        UseInt(_api.M());
        _api.S(); // KS4001
        _api.R(); // KS4001
        if (_api.R())
            UseInt(1);
    }

    void B(Api? maybe)
    {
        maybe?.M(); // KS4001
        for (_api.M(); Flag(); _api.R()) // KS4001
        {
        }
    }

    void C() => _api.M(); // KS4001

    int D() => _api.M();

    void E()
    {
        int r = _api.M(); // KS4001
        r = _api.M();
        UseInt(r);
        int q = _api.M(); // KS4001
    }

    void F(bool b)
    {
        int r = _api.M();
        if (b)
            UseInt(r);
    }

    async Task G()
    {
        await _api.Async(); // KS4001
        await _api.Async().ConfigureAwait(false); // KS4001
        int x = await _api.Async();
        UseInt(x);
        _api.Async(); // KS4001
    }

    void H()
    {
        Action a = () => _api.M(); // KS4001
        Func<int> f = () => _api.M();
        a();
        UseInt(f());
    }

    int I()
    {
        int err = _api.M();
        err += 1;
        return err;
    }

    void J()
    {
        int r;
        do
        {
            r = _api.M();
        }
        while (r != 0);
        Status s = _api.S();
        UseInt(s.Ok ? 1 : 0);
    }
}
