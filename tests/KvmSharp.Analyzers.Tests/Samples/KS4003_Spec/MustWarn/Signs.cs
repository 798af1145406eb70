// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Threading.Tasks;

static class Errno
{
    public const int EIO = 5;
    public const int ENOMEM = 12;
    public const int EOK = 0;
    public const int E = 1;
    public const int Error = 7;
}

static class Other
{
    public const int EIO = 5;
}

class Work
{
    int A() => Errno.EIO; // KS4003

    int B() => -Errno.EIO;

    int C(bool b)
    {
        if (b)
            return Errno.ENOMEM; // KS4003
        return b ? 0 : Errno.EIO; // KS4003
    }

    long D(int? x) => x ?? Errno.EIO; // KS4003

    int F(int k)
    {
        return k switch // KS4003
        {
            0 => 0,
            1 => Errno.EIO,
            _ => -Errno.EIO,
        };
    }

    int G()
    {
        int err = Errno.EIO;
        return err; // KS4003
    }

    int H()
    {
        int err = Errno.EIO;
        int ret = err;
        return ret; // KS4003
    }

    int I()
    {
        int err = Errno.EIO;
        return -err;
    }

    int J(bool b)
    {
        int err = Errno.EIO;
        if (b)
            err = 0;
        return err;
    }

    int K() => Other.EIO;

    int L() => Errno.EOK;

    int M() => Errno.Error;

    bool N(int e) => e == Errno.EIO;

    object O() => Errno.EIO;

    async Task<int> P()
    {
        await Task.Yield();
        return Errno.EIO; // KS4003
    }

    int Q => Errno.EIO; // KS4003

    int R(int e) => e == Errno.EIO ? 1 : 0;
}
