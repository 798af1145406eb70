// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[RefCounted("Get", "Put")]
interface IShared
{
    void Get();

    void Put();
}

class Factory
{
    [ReturnsReference]
    [ContextUnsafe("implementation")]
    public static IShared Make() => null!;
}

class User
{
    void A()
    {
        IShared shared = Factory.Make();
        UseInt(1);
    } // KS2001

    void B()
    {
        IShared shared = Factory.Make();
        shared.Put();
    }
}
