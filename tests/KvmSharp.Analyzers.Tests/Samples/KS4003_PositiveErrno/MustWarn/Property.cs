// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

static class Err
{
    public const int EPERM = 1;
}

class Work
{
    int P => Err.EPERM; // KS4003

    int Q
    {
        get
        {
            return Err.EPERM; // KS4003
        }
    }
}
