// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Result
{
    public bool IsError => false;

    public int ErrorCode => 0;

    public int Value => 0;
}

class Result2
{
    public bool IsErr() => false;

    public int Value => 0;
}

class Work
{
    [ErrorPointer]
    static Result Open() => new();

    [ErrorPointer]
    static Result2 Open2() => new();

    int A()
    {
        Result r = Open();
        if (r.IsError)
            return r.ErrorCode;
        return r.Value;
    }

    int B()
    {
        Result2 r = Open2();
        if (r.IsErr())
            return -1;
        return r.Value;
    }

    int C()
    {
        Result r = Open();
        return r.IsError ? 0 : r.Value;
    }
}
