// A program for .NET Framework, of which the tests want the format alone.
class Program
{
    static int Main()
    {
        return 3;
    }
}
