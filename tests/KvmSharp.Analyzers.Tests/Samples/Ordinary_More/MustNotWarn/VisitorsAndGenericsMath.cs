// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Numerics;

public abstract record Expr
{
    public sealed record Num(double Value) : Expr;

    public sealed record Bin(char Op, Expr Left, Expr Right) : Expr;

    public sealed record Call(string Name, params Expr[] Args) : Expr;

    public double Eval(Func<string, double[], double> call) => this switch
    {
        Num(var value) => value,
        Bin('+', var l, var r) => l.Eval(call) + r.Eval(call),
        Bin('*', var l, var r) => l.Eval(call) * r.Eval(call),
        Bin(var op, _, _) => throw new NotSupportedException(op.ToString()),
        Call { Name: var name, Args: var args } => call(name, Array.ConvertAll(args, arg => arg.Eval(call))),
        _ => throw new InvalidOperationException(),
    };
}

public static class Stats
{
    public static T Sum<T>(ReadOnlySpan<T> values)
        where T : INumber<T>
    {
        T sum = T.Zero;
        foreach (T value in values)
            sum += value;
        return sum;
    }

    public static (T Min, T Max)? Range<T>(IEnumerable<T> values)
        where T : INumber<T>, IMinMaxValue<T>
    {
        bool any = false;
        (T min, T max) = (T.MaxValue, T.MinValue);
        foreach (T value in values)
        {
            any = true;
            min = T.Min(min, value);
            max = T.Max(max, value);
        }

        return any ? (min, max) : null;
    }
}
