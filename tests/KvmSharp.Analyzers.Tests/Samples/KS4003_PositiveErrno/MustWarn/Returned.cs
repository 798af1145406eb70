// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

static class Errno
{
    public const int EINVAL = 22;
    public const int ENOMEM = 12;
    public const int Edge = 3;
}

class Work
{
    int A() => Errno.EINVAL; // KS4003

    long B(int x)
    {
        if (x == 0)
            return Errno.ENOMEM; // KS4003
        if (x == 1)
            return -Errno.ENOMEM;
        if (x == 2)
            return Errno.Edge;
        return 0;
    }

    int C(bool x)
    {
        return x ? 0 : Errno.EINVAL; // KS4003
    }

    int D(int x)
    {
        return x switch // KS4003
        {
            0 => 0,
            1 => Errno.EINVAL,
            _ => -Errno.EINVAL,
        };
    }

    int E(int? x)
    {
        return x ?? Errno.EINVAL; // KS4003
    }
}
