// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/types.h, Linux 6.18.
namespace Linux;

internal struct atomic_t
{
    internal int counter;

    public override readonly string ToString() => this.counter.ToString();
}

internal struct atomic64_t
{
    internal long counter;

    public override readonly string ToString() => this.counter.ToString();
}
