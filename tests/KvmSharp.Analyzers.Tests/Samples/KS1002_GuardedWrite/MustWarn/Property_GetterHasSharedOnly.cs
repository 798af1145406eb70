// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Config
{
    readonly RwSem _sem = new();
    [GuardedBy("_sem")] int _level;
    [GuardedBy("_sem")] int _reads;

    [GuardedBy("_sem")]
    public int Level
    {
        get
        {
            _reads++; // KS1002
            return _level;
        }

        set
        {
            _level = value;
            _reads = 0;
        }
    }
}
