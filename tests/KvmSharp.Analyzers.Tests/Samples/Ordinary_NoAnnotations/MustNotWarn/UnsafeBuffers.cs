// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

public unsafe struct Ring
{
    private fixed byte _data[64];
    private int _head;
    private int _tail;

    public bool TryPush(byte value)
    {
        int next = (_head + 1) & 63;
        if (next == _tail)
            return false;
        fixed (byte* p = _data)
        {
            p[_head] = value;
        }

        _head = next;
        return true;
    }

    public bool TryPop(out byte value)
    {
        if (_head == _tail)
        {
            value = 0;
            return false;
        }

        value = _data[_tail];
        _tail = (_tail + 1) & 63;
        return true;
    }

    public static int Sum(ReadOnlySpan<byte> bytes)
    {
        int sum = 0;
        fixed (byte* start = bytes)
        {
            byte* p = start;
            for (int i = 0; i < bytes.Length; i++)
                sum += *p++;
        }

        int* stack = stackalloc int[4];
        ref int first = ref stack[0];
        first = sum;
        return first;
    }
}
