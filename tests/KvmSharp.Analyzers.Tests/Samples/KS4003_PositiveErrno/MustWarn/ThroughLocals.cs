// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

static class Errno
{
    public const int EINVAL = 22;
}

class Work
{
    int A()
    {
        int err = Errno.EINVAL;
        return err; // KS4003
    }

    int B()
    {
        int err = Errno.EINVAL;
        int copy = err;
        return copy; // KS4003
    }

    int C(int x)
    {
        int err = 0;
        if (x > 3)
            err = Errno.EINVAL;
        return err;
    }

    int D()
    {
        int err = Errno.EINVAL;
        err = -err;
        return err;
    }
}
