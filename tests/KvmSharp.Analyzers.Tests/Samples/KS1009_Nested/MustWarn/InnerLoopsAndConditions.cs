// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A(int[][] rows)
    {
        foreach (int[] row in rows)
        {
            foreach (int x in row) // KS1009
            {
                _mu.Lock();
                if (x == 0)
                    break;
                _mu.Unlock();
            }

            UseInt(1);
        }
    }

    void B(int x, int y)
    {
        while (x-- > 0)
        {
            if (y > 3) // KS1009
            {
                _mu.Lock();
            }

            UseInt(2);
        }
    }

    void C(int x)
    {
        if (x > 3 && _mu.TryLock())
        {
            UseInt(1);
            _mu.Unlock();
        }
    }
}
