// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

public static class MathExtensions
{
    extension(int value)
    {
        public bool IsEven => value % 2 == 0;

        public int Squared() => value * value;
    }

    public static T Also<T>(this T value, Action<T> action)
    {
        action(value);
        return value;
    }
}

public static class User1
{
    public static int Run(int x)
    {
        var list = new List<int>().Also(l => l.Add(x));
        return x.IsEven ? x.Squared() : list.Count;
    }
}
