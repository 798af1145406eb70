// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

public static class Machine1
{
    public static int Run(ReadOnlySpan<int> code)
    {
        int pc = 0, acc = 0;
    next:
        if (pc >= code.Length)
            goto done;
        switch (code[pc++])
        {
            case 0:
                goto done;
            case 1:
                acc++;
                goto next;
            case 2 when acc > 10:
                acc -= 10;
                goto case 1;
            case > 100:
                acc = checked(acc * 2);
                goto default;
            default:
                if (acc < 0)
                    throw new OverflowException();
                goto next;
        }

    done:
        do
        {
            acc /= 2;
        }
        while (acc > 1000);
        return acc;
    }

    public static string Name(object? o) => o switch
    {
        null => "null",
        int and > 3 => "big",
        string { Length: var n } => $"string {n}",
        int[] and [var first, .., var last] => $"{first}..{last}",
        _ => "other",
    };
}
