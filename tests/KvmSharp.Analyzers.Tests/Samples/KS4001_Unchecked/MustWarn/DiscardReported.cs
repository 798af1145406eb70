// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.
// option: kvmsharp.mustcheck_discard = report
class Dev
{
    [MustCheck]
    public static int Write() => 0;

    void A()
    {
        _ = Write(); // KS4001
        UseInt(Write());
    }
}
