// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Outer
{
    static readonly object Gate = new();

    class Inner
    {
        [GuardedBy("Gate")] int _x;
        [GuardedBy("Outer.Gate")] int _y;

        void M()
        {
            lock (Gate)
            {
                _x = 1;
                _y = 1;
            }
        }
    }
}
