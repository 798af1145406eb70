// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

static class Errno
{
    public const int EINVAL = 22;
    public const int ENOMEM = 12;
}

class Files
{
    int A() => Errno.EINVAL; // keep: minus

    int B(bool x)
    {
        return x ? Errno.ENOMEM : Errno.EINVAL;
    }

    int C()
    {
        int err = Errno.EINVAL;
        int copy = err;
        return copy;
    }

    int D(int? x, int y)
    {
        if (y == 0)
            return x ?? Errno.EINVAL;
        return y switch
        {
            1 => 0,
            _ => Errno.ENOMEM,
        };
    }
}
// ==== fixed
static class Errno
{
    public const int EINVAL = 22;
    public const int ENOMEM = 12;
}

class Files
{
    int A() => -Errno.EINVAL; // keep: minus

    int B(bool x)
    {
        return x ? -Errno.ENOMEM : -Errno.EINVAL;
    }

    int C()
    {
        int err = -Errno.EINVAL;
        int copy = err;
        return copy;
    }

    int D(int? x, int y)
    {
        if (y == 0)
            return x ?? -Errno.EINVAL;
        return y switch
        {
            1 => 0,
            _ => -Errno.ENOMEM,
        };
    }
}
