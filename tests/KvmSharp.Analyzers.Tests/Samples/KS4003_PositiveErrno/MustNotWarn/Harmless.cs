// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

static class Errno
{
    public const int EINVAL = 22;
    public const int EAGAIN = 11;
}

static class Other
{
    public const int EINVAL = 22;
}

class Work
{
    int A() => -Errno.EINVAL;

    bool B(int x) => x == Errno.EINVAL;

    int C(int x)
    {
        if (x == -Errno.EAGAIN)
            return 0;
        int err = -Errno.EINVAL;
        return err;
    }

    int D() => Other.EINVAL;

    void E(int x) => UseInt(Errno.EINVAL);

    string F() => Errno.EINVAL.ToString();
}
