// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

namespace Outer.Space
{
    static class Locks
    {
        internal static readonly object Global = new();

        internal static class Inner
        {
            internal static readonly object Deep = new();
        }
    }

    namespace Deeper
    {
        class Data
        {
            [GuardedBy("Locks.Global")] int _a;
            [GuardedBy("Locks.Inner.Deep")] int _b;
            [GuardedBy("Outer.Space.Locks.Global")] int _c;

            void M()
            {
                lock (Locks.Global)
                {
                    _a = 1;
                    _c = 1;
                }

                lock (Locks.Inner.Deep)
                    _b = 1;
            }
        }
    }
}
