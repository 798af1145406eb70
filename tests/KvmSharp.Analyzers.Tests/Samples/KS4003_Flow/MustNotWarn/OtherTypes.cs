// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

static class Errno
{
    public const int EINVAL = 22;
    public const uint EBIG = 7;
    public const int ENEG = -3;
}

class Files
{
    uint A() => Errno.EBIG;

    short B() => (short)Errno.EINVAL;

    object C() => Errno.EINVAL;

    int D() => Errno.ENEG;

    bool E(int err) => err == Errno.EINVAL || err != -Errno.EINVAL;
}
