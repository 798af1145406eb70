// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.
// option: kvmsharp.errno_types = Codes;Err
static class Codes
{
    public const int EINVAL = 22;
}

static class Errno
{
    public const int EINVAL = 22;
}

class Work
{
    int A() => Codes.EINVAL; // KS4003

    int B() => Errno.EINVAL;
}
